#include "database/postgresql/request.hpp"

#include "database/postgresql/connection.hpp"
#include "database/postgresql/pool.hpp"

namespace whisperstore::postgresql {

std::weak_ptr<Connection> Request::connection() const
{
    const std::lock_guard lock(mutex_);
    return connection_;
}

void Request::set_connection(const std::shared_ptr<Connection>& connection)
{
    const std::lock_guard lock(mutex_);
    connection_ = connection;
}

void Request::set_pool(const std::shared_ptr<Pool>& pool)
{
    const std::lock_guard lock(mutex_);
    pool_ = pool;
}

void Request::on_abort() noexcept
{
    std::shared_ptr<Connection> connection;
    std::shared_ptr<Pool> pool;
    {
        const std::lock_guard lock(mutex_);
        connection = connection_.lock();
        pool = pool_.lock();
    }
    // Whoever takes it up next looks at abort_reason() by itself.
    if (connection)
        connection->abort();
    else if (pool)
        pool->look_at_line();
}

} // namespace whisperstore::postgresql
