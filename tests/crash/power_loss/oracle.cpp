#include "crash/power_loss/oracle.hpp"

namespace whisperstore::test {

std::string slot_content(std::size_t writer, std::int64_t slot, std::int64_t version)
{
    const std::string word = "writer " + std::to_string(writer) + " slot " + std::to_string(slot) + " version " +
                             std::to_string(version) + "; ";
    const auto mix = static_cast<std::uint64_t>(version) * 31 + static_cast<std::uint64_t>(slot) * 7 + writer;
    std::string content;
    for (std::uint64_t words = mix % 9 == 0 ? 150 : 1 + mix % 4; words > 0; --words)
        content += word;
    return content;
}

std::string to_string(const SlotState& state)
{
    std::string text = "{";
    for (const auto& [slot, version] : state)
        text += (text.size() > 1 ? ", " : "") + std::to_string(slot) + ":" + std::to_string(version);
    return text + "}";
}

Oracle::Oracle(std::shared_ptr<Disk> disk, std::vector<SlotState> initial) : disk_(std::move(disk))
{
    writers_.resize(initial.size());
    for (std::size_t i = 0; i < initial.size(); ++i)
        writers_[i].steps.push_back(Step{std::move(initial[i])});
}

std::vector<SlotState> Oracle::states() const
{
    std::vector<SlotState> all;
    for (std::size_t i = 0; i < writers_.size(); ++i)
        all.push_back(state(i));
    return all;
}

void Oracle::begin(std::size_t writer, SlotState after)
{
    writers_[writer].steps.push_back(Step{std::move(after), When{disk_->moment(), tick()}, std::nullopt});
}

void Oracle::acknowledge(std::size_t writer)
{
    writers_[writer].steps.back().acknowledged = When{disk_->acknowledge(), tick()};
}

void Oracle::refused(std::size_t writer) { writers_[writer].steps.pop_back(); }

void Oracle::settle(std::size_t writer, const SlotState& found)
{
    std::vector<Step>& steps = writers_[writer].steps;
    if (steps.back().state == found)
        steps.back().acknowledged = When{disk_->moment(), tick()};
    else
        steps.pop_back();
}

std::uint64_t Oracle::acknowledged(std::size_t moment) const
{
    std::uint64_t count = 0;
    for (const Writer& writer : writers_)
        for (std::size_t i = 1; i < writer.steps.size(); ++i) {
            const std::optional<When>& acknowledged = writer.steps[i].acknowledged;
            count += acknowledged && acknowledged->moment <= moment ? 1 : 0;
        }
    return count;
}

std::string Oracle::judge(std::size_t moment, const std::vector<SlotState>& found, bool may_lose) const
{
    return judge(&When::moment, moment, moment, found, may_lose);
}

std::string Oracle::judge_copy(std::uint64_t begun, std::uint64_t ended, const std::vector<SlotState>& found) const
{
    return judge(&When::tick, begun, ended, found, false);
}

std::string Oracle::judge(std::uint64_t When::* time, std::uint64_t last_acknowledged, std::uint64_t last_begun,
                          const std::vector<SlotState>& found, bool may_lose) const
{
    for (std::size_t i = 0; i < writers_.size(); ++i) {
        bool fits = false;
        std::string allowed;
        for (const Step& step : writers_[i].steps) {
            if (step.begun.*time > last_begun)
                break; // nothing of it can be in there
            if (step.acknowledged && (*step.acknowledged).*time <= last_acknowledged && !may_lose) {
                fits = false; // of what was acknowledged only the last state counts
                allowed.clear();
            }
            fits = fits || step.state == found[i];
            allowed += (allowed.empty() ? "" : " or ") + to_string(step.state);
        }
        if (!fits)
            return "writer " + std::to_string(i) + " has " + to_string(found[i]) + " instead of " + allowed;
    }
    return {};
}

} // namespace whisperstore::test
