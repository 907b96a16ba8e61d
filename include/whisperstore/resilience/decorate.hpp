#pragma once
/// \file
/// Puts the decorators around a store.

#include <whisperstore/resilience/operation_observer.hpp>
#include <whisperstore/resilience/resilience_config.hpp>
#include <whisperstore/resilience/resilience_stats.hpp>

#include <memory>
#include <optional>

namespace whisperstore {

class AbstractDatabaseAdapter;
class ConversationCacheManager;
class GraphDatabaseManager;
class VectorDatabaseManager;

/// \name decorate
/// The same store behind metrics and trace hooks, deadline, retry, circuit breaker, concurrency limit
/// and attempt timeout, in this order from the outside in (docs/resilience.md). It behaves as the
/// interface says; what the layers add:
///
/// - A failed attempt is made again only when its error is retryable() and either nothing of it
///   happened or the operation is idempotent; within the deadline and the context's retry budget.
///   The error of the last attempt comes out, its message beginning with "after 3 attempts: "; its
///   outcome is `unknown` when any attempt's was.
/// - `unavailable`, at once and retryable, while the circuit breaker is open; `resource_exhausted`,
///   retryable, when too many calls wait for their turn; `timeout` for the default deadline.
/// - Inside a transaction, and for the pieces of a stream, nothing is made again, refused or made
///   to wait: they are observed, get the default deadline (not the pieces), and their failures count
///   for the breaker. An open transaction or stream does not count for the concurrency limit.
/// - disconnect(), cleanup() and rollback() are only observed. Accessors go straight through.
///
/// The result shares the store with its caller. Calls under way keep it alive. Thread safe.
/// \param observer sees every call; null = nobody.
/// \throws StorageError invalid_argument for no store or a configuration that check() refuses.
///@{
std::shared_ptr<AbstractDatabaseAdapter> decorate(std::shared_ptr<AbstractDatabaseAdapter> database,
                                                  const ResilienceConfig& config,
                                                  std::shared_ptr<OperationObserver> observer = nullptr);
std::shared_ptr<VectorDatabaseManager> decorate(std::shared_ptr<VectorDatabaseManager> vector_db,
                                                const ResilienceConfig& config,
                                                std::shared_ptr<OperationObserver> observer = nullptr);
/// The history source given to the result is only observed, as `read_history`: it calls another store,
/// which has decorators of its own. When it fails, that is neither tried again by the cache nor held
/// against it.
std::shared_ptr<ConversationCacheManager> decorate(std::shared_ptr<ConversationCacheManager> cache,
                                                   const ResilienceConfig& config,
                                                   std::shared_ptr<OperationObserver> observer = nullptr);
std::shared_ptr<GraphDatabaseManager> decorate(std::shared_ptr<GraphDatabaseManager> graph,
                                               const ResilienceConfig& config,
                                               std::shared_ptr<OperationObserver> observer = nullptr);
///@}

/// \name resilience_stats
/// What the decorators of a store have counted; nothing for a store without them.
///@{
std::optional<ResilienceStats> resilience_stats(const AbstractDatabaseAdapter& database);
std::optional<ResilienceStats> resilience_stats(const VectorDatabaseManager& vector_db);
std::optional<ResilienceStats> resilience_stats(const ConversationCacheManager& cache);
std::optional<ResilienceStats> resilience_stats(const GraphDatabaseManager& graph);
///@}

} // namespace whisperstore
