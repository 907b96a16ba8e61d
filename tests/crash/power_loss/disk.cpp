#include "crash/power_loss/disk.hpp"

#include "support/test_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <stdexcept>

namespace whisperstore::test {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t sector = 512;

struct Watched
{
    std::mutex mutex;
    std::shared_ptr<Disk> disk;
};

// Never destroyed: threads that outlive main() still ask.
Watched& watched_disk()
{
    static auto* const watched = new Watched;
    return *watched;
}

void put(std::string& content, std::uint64_t offset, std::string_view data)
{
    if (data.empty())
        return;
    if (content.size() < offset + data.size())
        content.resize(offset + data.size());
    content.replace(offset, data.size(), data);
}

void apply_change(std::string& content, const FileChange& change)
{
    if (change.resize)
        content.resize(change.position);
    else
        put(content, change.position, change.data);
}

/// Some sectors of a write, at least one of them missing where it has more than one.
void apply_torn(std::string& content, const FileChange& change, std::mt19937_64& random)
{
    const std::uint64_t end = change.position + change.data.size();
    const std::uint64_t first = change.position / sector;
    const std::uint64_t last = (end - 1) / sector;
    const std::uint64_t missing = first + random() % (last - first + 1);
    std::bernoulli_distribution survives(0.5);
    for (std::uint64_t at = first; at <= last; ++at) {
        if (at == missing || !survives(random))
            continue;
        const std::uint64_t from = std::max(change.position, at * sector);
        const std::uint64_t to = std::min(end, (at + 1) * sector);
        put(content, from, std::string_view(change.data).substr(from - change.position, to - from));
    }
}

void apply_change(Names& names, const NameChange& change)
{
    for (const auto& [name, id] : change.entries) {
        if (id)
            names[name] = *id;
        else
            names.erase(name);
    }
}

bool touches(const NameChange& change, FileId directory)
{
    return std::any_of(change.entries.begin(), change.entries.end(),
                       [&](const NameChange::Entry& entry) { return entry.first.first == directory; });
}

} // namespace

Survival Survival::random(std::mt19937_64& random)
{
    constexpr std::array chances{0.0, 0.0, 0.3, 0.7, 0.95};
    Survival survival;
    survival.writes = chances[random() % chances.size()];
    survival.torn = chances[random() % chances.size()];
    survival.names = chances[random() % chances.size()];
    survival.names_in_order = random() % 3 == 0;
    return survival;
}

std::string Loss::to_string() const
{
    return std::to_string(dropped_writes) + " writes dropped, " + std::to_string(torn_writes) + " torn, " +
           std::to_string(dropped_names) + " changes of names dropped";
}

std::string_view to_string(DiskOperation operation) noexcept
{
    switch (operation) {
    case DiskOperation::create:
        return "create";
    case DiskOperation::write:
        return "write";
    case DiskOperation::resize:
        return "resize";
    case DiskOperation::sync:
        return "sync";
    case DiskOperation::link:
        return "link";
    case DiskOperation::rename:
        return "rename";
    case DiskOperation::remove:
        return "remove";
    case DiskOperation::make_directory:
        return "make_directory";
    case DiskOperation::sync_directory:
        return "sync_directory";
    }
    return "?";
}

Loss Snapshot::lose_power(const fs::path& target, const Survival& survival, std::mt19937_64& random) const
{
    Loss loss;
    Names names = durable_names_;
    std::size_t in_order = survival.names_in_order ? random() % (pending_names_.size() + 1) : 0;
    std::bernoulli_distribution name_survives(survival.names);
    for (const NameChange& change : pending_names_) {
        const bool survives = survival.names_in_order ? in_order > 0 : name_survives(random);
        in_order -= in_order > 0 ? 1 : 0;
        if (survives)
            apply_change(names, change);
        else
            ++loss.dropped_names;
    }

    // Downwards from the root: what lies in a directory that has lost its name is lost with it.
    std::vector<std::pair<FileId, fs::path>> open{{Disk::root_id, target}};
    std::map<FileId, std::string> written; // a file with two names is one file
    std::bernoulli_distribution write_survives(survival.writes);
    std::bernoulli_distribution torn(survival.torn);
    while (!open.empty()) {
        const auto [directory, path] = open.back();
        open.pop_back();
        for (auto name = names.lower_bound({directory, ""}); name != names.end() && name->first.first == directory;
             ++name) {
            const fs::path here = path / name->first.second;
            const auto file = files_.find(name->second);
            if (file == files_.end()) {
                fs::create_directory(here);
                open.emplace_back(name->second, here);
                continue;
            }
            auto content = written.find(file->first);
            if (content == written.end()) {
                content = written.emplace(file->first, *file->second.durable).first;
                for (const auto& change : file->second.pending) {
                    if (!write_survives(random)) {
                        count_dropped(loss, *change);
                    } else if (!change->resize && !change->data.empty() && torn(random)) {
                        ++loss.torn_writes;
                        apply_torn(content->second, *change, random);
                    } else {
                        apply_change(content->second, *change);
                    }
                }
            }
            write_file(here, content->second);
        }
    }

    // A file that has lost its last name has lost what was written to it as well.
    Names live = durable_names_;
    for (const NameChange& change : pending_names_)
        apply_change(live, change);
    std::set<FileId> named;
    for (const auto& [name, id] : live)
        named.insert(id);
    for (const auto& [id, content] : files_)
        if (named.contains(id) && !written.contains(id))
            for (const auto& change : content.pending)
                count_dropped(loss, *change);
    return loss;
}

void Snapshot::count_dropped(Loss& loss, const FileChange& change) const
{
    ++loss.dropped_writes;
    loss.counts = loss.counts || (acknowledged_ && change.sequence > *acknowledged_);
}

Disk::Disk(fs::path root) : root_(std::move(root)) { load(root_, root_id); }

std::shared_ptr<Disk> Disk::watch(const fs::path& root)
{
    std::shared_ptr<Disk> disk(new Disk(fs::canonical(root)));
    Watched& watched = watched_disk();
    const std::lock_guard lock(watched.mutex);
    if (watched.disk)
        throw std::logic_error("a disk is watched already");
    watched.disk = disk;
    return disk;
}

std::shared_ptr<Disk> Disk::watched()
{
    Watched& watched = watched_disk();
    const std::lock_guard lock(watched.mutex);
    return watched.disk;
}

void Disk::release()
{
    Watched& watched = watched_disk();
    const std::lock_guard lock(watched.mutex);
    if (watched.disk.get() == this)
        watched.disk.reset();
}

void Disk::load(const fs::path& directory, FileId id)
{
    for (const auto& entry : fs::directory_iterator(directory)) {
        const FileId child = next_id_++;
        durable_names_[{id, entry.path().filename().string()}] = child;
        if (entry.is_directory())
            load(entry.path(), child);
        else
            files_[child].durable = std::make_shared<const std::string>(read_file(entry.path()));
    }
    live_names_ = durable_names_;
}

void Disk::take_snapshots(std::uint64_t seed, double chance, std::size_t limit)
{
    const std::lock_guard lock(mutex_);
    random_.seed(seed);
    chance_ = chance;
    limit_ = limit;
    taken_ = 0;
}

std::vector<Snapshot> Disk::take_snapshots_away()
{
    const std::lock_guard lock(mutex_);
    return std::exchange(snapshots_, {});
}

Snapshot Disk::snapshot_now()
{
    const std::lock_guard lock(mutex_);
    return snapshot_locked();
}

Snapshot Disk::snapshot_locked()
{
    Snapshot snapshot;
    snapshot.moment = moment_++;
    snapshot.sequence = sequence_;
    snapshot.files_ = files_;
    snapshot.durable_names_ = durable_names_;
    snapshot.pending_names_ = pending_names_;
    snapshot.acknowledged_ = acknowledged_;
    return snapshot;
}

void Disk::before_operation_locked()
{
    ++sequence_;
    if (!std::bernoulli_distribution(chance_)(random_))
        return;
    // Each of the snapshots taken so far is kept with the same chance.
    ++taken_;
    const std::size_t place = snapshots_.size() < limit_ ? snapshots_.size() : random_() % taken_;
    if (place == snapshots_.size())
        snapshots_.emplace_back();
    if (place < snapshots_.size())
        snapshots_[place] = snapshot_locked();
}

std::size_t Disk::moment() const
{
    const std::lock_guard lock(mutex_);
    return moment_;
}

std::size_t Disk::acknowledge()
{
    const std::lock_guard lock(mutex_);
    if (!acknowledged_)
        acknowledged_ = sequence_;
    return moment_;
}

void Disk::set_fault(DiskFault fault)
{
    const std::lock_guard lock(mutex_);
    fault_ = fault;
    points_ = 0;
    struck_ = false;
}

void Disk::lift_fault()
{
    const std::lock_guard lock(mutex_);
    fault_ = DiskFault();
}

bool Disk::struck() const
{
    const std::lock_guard lock(mutex_);
    return struck_;
}

std::set<DiskOperation> Disk::take_failed_operations()
{
    const std::lock_guard lock(mutex_);
    return std::exchange(failed_operations_, {});
}

int Disk::fault(DiskOperation operation)
{
    const std::lock_guard lock(mutex_);
    // Removing needs no space.
    if (fault_.error == 0 || (fault_.error == ENOSPC && operation == DiskOperation::remove))
        return 0;
    ++points_;
    if (fault_.at == 0 || points_ < fault_.at || (struck_ && !fault_.lasting))
        return 0;
    struck_ = true;
    failed_operations_.insert(operation);
    return fault_.error;
}

bool Disk::contains(const fs::path& path) const
{
    const std::string text = path.string();
    const std::string& root = root_.native();
    return text.size() > root.size() && text.starts_with(root) && text[root.size()] == '/';
}

std::optional<FileId> Disk::find(const fs::path& path) const
{
    const std::lock_guard lock(mutex_);
    return find_locked(path);
}

std::optional<FileId> Disk::find_locked(const fs::path& path) const
{
    FileId id = root_id;
    for (const fs::path& part : path.lexically_relative(root_)) {
        if (part == "." || part.empty())
            continue;
        const auto found = live_names_.find({id, part.string()});
        if (found == live_names_.end())
            return std::nullopt;
        id = found->second;
    }
    return id;
}

std::pair<FileId, std::string> Disk::name_locked(const fs::path& path) const
{
    const auto directory = find_locked(path.parent_path());
    if (!directory)
        throw std::logic_error("a directory escaped the watch: " + path.parent_path().string());
    return {*directory, path.filename().string()};
}

void Disk::write(FileId file, std::uint64_t offset, std::string_view data)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    files_[file].pending.push_back(
        std::make_shared<const FileChange>(FileChange{sequence_, false, offset, std::string(data)}));
}

void Disk::resize(FileId file, std::uint64_t size)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    files_[file].pending.push_back(std::make_shared<const FileChange>(FileChange{sequence_, true, size, {}}));
}

void Disk::sync(FileId file)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    FileContent& content = files_[file];
    if (content.pending.empty())
        return;
    std::string durable = *content.durable;
    for (const auto& change : content.pending)
        apply_change(durable, *change);
    content.durable = std::make_shared<const std::string>(std::move(durable));
    content.pending.clear();
}

void Disk::change_names_locked(std::vector<NameChange::Entry> entries)
{
    pending_names_.push_back(NameChange{sequence_, std::move(entries)});
    apply_change(live_names_, pending_names_.back());
}

void Disk::create(const fs::path& path)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    const FileId id = next_id_++;
    files_[id];
    change_names_locked({{name_locked(path), id}});
}

void Disk::make_directory(const fs::path& path)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    change_names_locked({{name_locked(path), next_id_++}});
}

void Disk::link(const fs::path& from, const fs::path& to)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    const auto id = find_locked(from);
    if (!id)
        throw std::logic_error("a file escaped the watch: " + from.string());
    change_names_locked({{name_locked(to), id}});
}

void Disk::rename(const fs::path& from, const fs::path& to)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    const auto id = find_locked(from);
    if (!id)
        throw std::logic_error("a file escaped the watch: " + from.string());
    change_names_locked({{name_locked(from), std::nullopt}, {name_locked(to), id}});
}

void Disk::remove(const fs::path& path)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    change_names_locked({{name_locked(path), std::nullopt}});
}

void Disk::sync_directory(FileId directory)
{
    const std::lock_guard lock(mutex_);
    before_operation_locked();
    std::erase_if(pending_names_, [&](const NameChange& change) {
        if (!touches(change, directory))
            return false;
        apply_change(durable_names_, change);
        return true;
    });
}

std::string Disk::escaped() const
{
    const std::lock_guard lock(mutex_);
    std::string problems;
    const auto report = [&](const fs::path& path, const std::string& what) {
        problems += path.string() + " " + what + "\n";
    };
    std::vector<std::pair<FileId, fs::path>> open{{root_id, root_}};
    while (!open.empty()) {
        const auto [directory, path] = open.back();
        open.pop_back();
        std::set<std::string> expected;
        for (auto name = live_names_.lower_bound({directory, ""});
             name != live_names_.end() && name->first.first == directory; ++name) {
            const fs::path here = path / name->first.second;
            expected.insert(name->first.second);
            const auto file = files_.find(name->second);
            if (!fs::exists(here)) {
                report(here, "is gone");
            } else if (file == files_.end()) {
                open.emplace_back(name->second, here);
            } else {
                std::string content = *file->second.durable;
                for (const auto& change : file->second.pending)
                    apply_change(content, *change);
                if (read_file(here) != content)
                    report(here, "has another content");
            }
        }
        for (const auto& entry : fs::directory_iterator(path))
            if (!expected.contains(entry.path().filename().string()) && !entry.path().string().ends_with("-shm"))
                report(entry.path(), "was not seen");
    }
    return problems;
}

} // namespace whisperstore::test
