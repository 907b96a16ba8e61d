#include "serve/event_hub.hpp"

#include <whisperstore/core/time.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>

namespace whisperstore::serve {

namespace {

constexpr std::size_t most_kept = 32;
constexpr std::array<std::string_view, 2> names = {"metrics", "health"};

std::string error_text(const StorageError& error)
{
    json::object details;
    details["code"] = to_string(error.errc());
    details["message"] = error.what();
    json::object document;
    document["error"] = std::move(details);
    return json::serialize(document);
}

} // namespace

EventHub::EventHub(const boost::asio::any_io_executor& executor, std::shared_ptr<Activity> activity,
                   std::shared_ptr<Told> told, const ServeConfig& config)
    : strand_(boost::asio::make_strand(executor)),
      activity_(std::move(activity)),
      told_(std::move(told)),
      most_(config.max_subscribers),
      interval_(config.event_interval),
      health_interval_(std::min(config.health_interval, config.event_interval)),
      epoch_(std::to_string(now().time_since_epoch().count())),
      timer_(strand_)
{
}

EventHub::Subscription::~Subscription()
{
    const std::lock_guard lock(hub_->mutex_);
    hub_->readers_.erase(place_);
}

std::optional<Event> EventHub::Subscription::next() { return hub_->next(*this); }

std::unique_ptr<EventHub::Subscription> EventHub::subscribe(std::string_view last_event_id, std::function<void()> wake)
{
    const std::lock_guard lock(mutex_);
    if (ended_ || readers_.size() >= most_)
        return nullptr;
    auto subscription = std::unique_ptr<Subscription>(new Subscription(shared_from_this()));
    subscription->place_ = readers_.insert(readers_.end(), std::move(wake));
    const std::size_t dash = last_event_id.find('-');
    std::uint64_t number = 0;
    if (dash != std::string_view::npos && last_event_id.substr(0, dash) == epoch_) {
        const std::string_view digits = last_event_id.substr(dash + 1);
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (read.ec == std::errc() && number <= last_number_) {
            subscription->seen_ = number;
            subscription->is_new_ = false;
        }
    }
    if (!running_) {
        running_ = true;
        latest_ = {}; // what was known when the last reader left is old
        begin();
    }
    return subscription;
}

/// Posted, because a coroutine may begin at once, and the caller has the lock.
void EventHub::begin()
{
    auto part = std::make_shared<Activity::Part>(activity_->begin());
    boost::asio::post(strand_, [self = shared_from_this(), part] {
        boost::asio::co_spawn(self->strand_, run(self, std::move(*part)), [self](const std::exception_ptr& failure) {
            if (failure) // out of memory: the next reader begins anew
                self->stopped();
        });
    });
}

std::size_t EventHub::subscribers() const
{
    const std::lock_guard lock(mutex_);
    return readers_.size();
}

void EventHub::end()
{
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    boost::asio::post(strand_, [self = shared_from_this()] { self->timer_.cancel(); });
}

std::optional<Event> EventHub::next(Subscription& subscription)
{
    const std::lock_guard lock(mutex_);
    if (subscription.is_new_) {
        for (const Event& event : latest_)
            if (event.text && event.number > subscription.seen_ &&
                std::none_of(latest_.begin(), latest_.end(), [&](const Event& other) {
                    return other.text && other.number > subscription.seen_ && other.number < event.number;
                })) {
                subscription.seen_ = event.number;
                return event;
            }
        subscription.is_new_ = latest_[metrics].text == nullptr && latest_[health].text == nullptr;
        if (subscription.is_new_)
            return std::nullopt;
    }
    for (const Event& event : kept_)
        if (event.number > subscription.seen_) {
            subscription.seen_ = event.number;
            return event;
        }
    return std::nullopt;
}

void EventHub::publish(Kind kind, std::string_view data)
{
    while (data.ends_with('\n'))
        data.remove_suffix(1);
    const std::lock_guard lock(mutex_);
    Event event;
    event.number = ++last_number_;
    std::string text = "event: ";
    text.append(names[kind]).append("\nid: ").append(epoch_).append("-").append(std::to_string(event.number));
    text.append("\ndata: ").append(data).append("\n\n");
    event.text = std::make_shared<const std::string>(std::move(text));
    kept_.push_back(event);
    if (kept_.size() > most_kept)
        kept_.pop_front();
    latest_[kind] = std::move(event);
    for (const auto& wake : readers_)
        wake();
}

/// Whether to go on; otherwise run() has ended for subscribe(), too.
bool EventHub::is_wanted()
{
    const std::lock_guard lock(mutex_);
    return running_ = !ended_ && !readers_.empty();
}

void EventHub::stopped()
{
    const std::lock_guard lock(mutex_);
    running_ = false;
}

awaitable<void> EventHub::look(bool is_due, std::string& statuses)
{
    std::string now_statuses;
    std::string data;
    try {
        const std::shared_ptr<const HealthTold> told = co_await told_->health->get();
        now_statuses = told->statuses;
        data = *told->body;
    } catch (const StorageError& error) {
        now_statuses = to_string(error.errc());
        data = error_text(error);
    }
    if (is_due || now_statuses != statuses)
        publish(health, data);
    statuses = std::move(now_statuses);
    if (!is_due)
        co_return;
    try {
        const std::shared_ptr<const TextTold> told = co_await told_->metrics->get();
        data = **told;
    } catch (const StorageError& error) {
        data = error_text(error);
    }
    publish(metrics, data);
}

awaitable<void> EventHub::run(std::shared_ptr<EventHub> self, Activity::Part part)
{
    const Activity::Part under_way = std::move(part);
    auto due = std::chrono::steady_clock::now();
    std::string statuses;
    while (self->is_wanted()) {
        const auto begun = std::chrono::steady_clock::now();
        const bool is_due = begun >= due;
        if (is_due)
            due = begun + self->interval_;
        co_await self->look(is_due, statuses);
        if (!self->is_wanted())
            co_return;
        self->timer_.expires_at(std::min(due, begun + self->health_interval_));
        boost::system::error_code woken; // is_wanted() looks why
        auto token = boost::asio::redirect_error(boost::asio::use_awaitable, woken);
        co_await self->timer_.async_wait(token);
    }
}

} // namespace whisperstore::serve
