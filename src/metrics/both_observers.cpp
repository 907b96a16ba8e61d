#include <whisperstore/metrics/otlp_trace_exporter.hpp>

#include <new>

namespace whisperstore {

namespace {

/// What each returned from started() is kept in a small object in between, whose address is what the call remembers.
class BothObservers final : public OperationObserver
{
public:
    BothObservers(std::shared_ptr<OperationObserver> first, std::shared_ptr<OperationObserver> second) noexcept
        : first_(std::move(first)), second_(std::move(second))
    {
    }

    std::uint64_t started(const OperationEvent& event, OperationContext& context) noexcept override
    {
        auto* numbers = new (std::nothrow) Numbers;
        if (numbers == nullptr)
            return 0; // finished() knows
        numbers->first = first_->started(event, context);
        numbers->second = second_->started(event, context);
        return reinterpret_cast<std::uintptr_t>(numbers);
    }

    void finished(const OperationEvent& event, const OperationContext& context, const OperationResult& result,
                  std::uint64_t started) noexcept override
    {
        const std::unique_ptr<Numbers> numbers(reinterpret_cast<Numbers*>(static_cast<std::uintptr_t>(started)));
        if (!numbers)
            return;
        second_->finished(event, context, result, numbers->second);
        first_->finished(event, context, result, numbers->first);
    }

    void circuit_changed(const CircuitChange& change) noexcept override
    {
        first_->circuit_changed(change);
        second_->circuit_changed(change);
    }

private:
    struct Numbers
    {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
    };
    const std::shared_ptr<OperationObserver> first_;
    const std::shared_ptr<OperationObserver> second_;
};

} // namespace

std::shared_ptr<OperationObserver> both_observers(std::shared_ptr<OperationObserver> first,
                                                  std::shared_ptr<OperationObserver> second)
{
    if (!first || !second)
        return first ? first : second;
    return std::make_shared<BothObservers>(std::move(first), std::move(second));
}

} // namespace whisperstore
