#pragma once
// Threads that nobody joins.

namespace whisperstore {

/// Held by a thread that let itself go, until the last thing it does. A process that ends waits for those who hold one,
/// at most a second: they use libraries that the end of the process takes down. Thread safe.
class LooseThread
{
public:
    LooseThread() noexcept;
    ~LooseThread();
    LooseThread(const LooseThread&) = delete;
    LooseThread& operator=(const LooseThread&) = delete;
};

} // namespace whisperstore
