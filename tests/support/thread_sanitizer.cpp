// Reports of the thread sanitizer that are false, in programs built with GCC 12. It reads this
// function; other builds ignore it. Each line names the one function whose synchronisation it cannot see.

extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions()
{
    // Asio counts the holders of an executor with release decrements and an acquire fence before the
    // last one frees it; the sanitizer does not understand fences (GCC: -Wtsan).
    return "race:boost::asio::detail::ref_count_down\n"
           "race:boost::asio::execution::detail::shared_target_executor::~shared_target_executor\n"
           // The count of an exception held by two threads is inside libstdc++, which is not instrumented.
           "race:std::__exception_ptr::exception_ptr::_M_release\n";
}
