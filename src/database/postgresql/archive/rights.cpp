#include "database/postgresql/archive/rights.hpp"

#include "database/postgresql/archive/load_rows.hpp"

#include <set>

namespace whisperstore::postgresql {

namespace {

constexpr const char* there_sql = R"(
SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
UNION ALL
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = current_schema())";

} // namespace

awaitable<std::vector<Right>> read_rights(Lease& lease, OperationContext context)
{
    std::string sql = R"(
WITH ours AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    WHERE c.relkind IN ('r', 'v', 'm', 'S')),
functions AS (SELECT p.*, p.oid::regprocedure::text AS signature FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = current_schema() WHERE p.prokind <> 'a')
SELECT c.relname::text AS name, format('GRANT %s ON %s %I TO %s%s', x.privilege_type,
    CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.relname,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
    CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql
FROM ours c CROSS JOIN LATERAL aclexplode(c.relacl) x WHERE x.grantee <> c.relowner
UNION ALL
SELECT c.relname, format('ALTER TABLE %I OWNER TO %I', c.relname, pg_get_userbyid(c.relowner))
FROM ours c WHERE pg_get_userbyid(c.relowner) <> current_user AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0))
UNION ALL
SELECT f.signature, format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', f.signature) FROM functions f WHERE f.proacl IS NOT NULL
UNION ALL
SELECT f.signature, format('GRANT EXECUTE ON ROUTINE %s TO %s%s', f.signature,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
    CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM functions f CROSS JOIN LATERAL aclexplode(f.proacl) x WHERE x.grantee <> f.proowner
UNION ALL
SELECT f.signature, format('ALTER ROUTINE %s OWNER TO %I', f.signature, pg_get_userbyid(f.proowner))
FROM functions f WHERE pg_get_userbyid(f.proowner) <> current_user)";
    const QueryResult rows = co_await lease.execute(std::move(sql), Parameters(), std::move(context));
    std::vector<Right> rights;
    for (const Row& row : rows)
        rights.push_back(Right{std::string(row["name"].as_text()), std::string(row["sql"].as_text())});
    co_return rights;
}

awaitable<void> give_rights(Lease& lease, std::vector<Right> rights, OperationContext context)
{
    if (rights.empty())
        co_return;
    std::string sql = there_sql;
    const QueryResult rows = co_await lease.execute(std::move(sql), Parameters(), context);
    std::set<std::string, std::less<>> there;
    for (const Row& row : rows)
        there.emplace(row[0].as_text());
    for (Right& right : rights)
        if (there.contains(right.on))
            co_await make(lease, "the rights on " + right.on, std::move(right.sql), context);
}

} // namespace whisperstore::postgresql
