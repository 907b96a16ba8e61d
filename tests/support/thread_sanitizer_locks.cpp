// For programs in which graphs of vectors are built. hnswlib has a lock for each node and takes them in any order,
// which is safe as one thread builds a graph; the thread sanitizer would report thousands of possible deadlocks, most
// without the names that a suppression could match. Data races are still reported.

extern "C" const char* __tsan_default_options();

extern "C" const char* __tsan_default_options() { return "detect_deadlocks=0"; }
