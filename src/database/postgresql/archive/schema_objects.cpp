#include "database/postgresql/archive/schema_objects.hpp"

#include <map>

namespace whisperstore::postgresql {

namespace {

// Names come unqualified, for the search path holds the schema alone; so an archive restores into a schema of another
// name. pg_get_functiondef() qualifies the function's own name all the same. Statements of rank 11 and more set
// something on what is there.
constexpr std::string_view objects_sql = R"(
WITH here AS (SELECT oid AS ns, nspname FROM pg_namespace WHERE nspname = current_schema()),
ours AS (
    SELECT c.* FROM pg_class c, here WHERE c.relnamespace = here.ns
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
),
found (rank, kind, class, object, name, sql, drop_sql) AS (
    SELECT 1, 'type', 'pg_type'::regclass::oid, t.oid, t.typname::text,
        format('CREATE TYPE %I AS ENUM (%s)', t.typname,
            (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid)),
        format('DROP TYPE IF EXISTS %I', t.typname)
    FROM pg_type t, here WHERE t.typnamespace = here.ns AND t.typtype = 'e'
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 1, 'type', 'pg_type'::regclass::oid, t.oid, t.typname,
        format('CREATE DOMAIN %I AS %s', t.typname, format_type(t.typbasetype, t.typtypmod))
            || CASE WHEN t.typcollation NOT IN (0, b.typcollation) THEN format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END
            || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
            || coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), '' ORDER BY k.conname)
                         FROM pg_constraint k WHERE k.contypid = t.oid), ''),
        format('DROP DOMAIN IF EXISTS %I', t.typname)
    FROM here, pg_type t JOIN pg_type b ON b.oid = t.typbasetype
        LEFT JOIN pg_collation co ON co.oid = t.typcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
    WHERE t.typnamespace = here.ns AND t.typtype = 'd'
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 2, 'sequence', 'pg_class'::regclass, c.oid, c.relname,
        format('CREATE SEQUENCE %I AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s', c.relname,
            format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
            CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END),
        format('DROP SEQUENCE IF EXISTS %I', c.relname)
    FROM ours c JOIN pg_sequence s ON s.seqrelid = c.oid
    WHERE NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_class'::regclass AND i.objid = c.oid AND i.deptype = 'i')
    UNION ALL
    SELECT 3, 'function', 'pg_proc'::regclass, p.oid, p.oid::regprocedure::text,
        'CREATE OR REPLACE ' || k.kind || ' ' || substr(pg_get_functiondef(p.oid), length('CREATE OR REPLACE ' || k.kind || ' ' || quote_ident(here.nspname) || '.') + 1),
        format('DROP %s IF EXISTS %I(%s)', k.kind, p.proname, pg_get_function_identity_arguments(p.oid))
    FROM here, pg_proc p JOIN (VALUES ('f'::"char", 'FUNCTION'), ('w', 'FUNCTION'), ('p', 'PROCEDURE')) k (prokind, kind) ON k.prokind = p.prokind
    WHERE p.pronamespace = here.ns
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 4, 'table', 'pg_class'::regclass, c.oid, c.relname,
        format('CREATE %sTABLE %I (%s)%s', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, c.relname,
            (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
                || CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END
                || CASE WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid)
                            || CASE a.attgenerated WHEN 's' THEN ') STORED' ELSE ') VIRTUAL' END
                        WHEN a.attidentity <> '' THEN ' GENERATED ' || CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END || ' AS IDENTITY ('
                            || (SELECT format('SEQUENCE NAME %I INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s', q.relname, s.seqincrement,
                                    s.seqmin, s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)
                                FROM pg_depend i JOIN pg_class q ON q.oid = i.objid JOIN pg_sequence s ON s.seqrelid = q.oid
                                WHERE i.classid = 'pg_class'::regclass AND i.deptype = 'i' AND i.refclassid = 'pg_class'::regclass
                                    AND i.refobjid = c.oid AND i.refobjsubid = a.attnum) || ')'
                        WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END
                || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY a.attnum)
             FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
            coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '')),
        format('DROP TABLE IF EXISTS %I', c.relname)
    FROM ours c WHERE c.relkind IN ('r', 'p')
    UNION ALL
    SELECT CASE k.contype WHEN 'f' THEN 7 ELSE 5 END, CASE k.contype WHEN 'f' THEN 'foreign key' ELSE 'constraint' END, 'pg_constraint'::regclass, k.oid,
        format('%s.%s', c.relname, k.conname),
        format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname, pg_get_constraintdef(k.oid)),
        CASE WHEN k.contype = 'f' AND k.conparentid = 0 THEN format('ALTER TABLE IF EXISTS %I DROP CONSTRAINT IF EXISTS %I', c.relname, k.conname) END
    FROM pg_constraint k JOIN ours c ON c.oid = k.conrelid WHERE k.contype IN ('p', 'u', 'x', 'c', 'f') AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT 6, 'index', 'pg_class'::regclass, x.oid, x.relname, pg_get_indexdef(x.oid, 0, true), NULL
    FROM ours x JOIN pg_index i ON i.indexrelid = x.oid JOIN pg_class c ON c.oid = i.indrelid
    WHERE x.relkind = 'i' AND c.relkind IN ('r', 'm') AND i.indisvalid
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT 8, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, 'pg_class'::regclass, c.oid, c.relname,
        format('CREATE %sVIEW %I%s AS %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, c.relname,
            coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''), rtrim(pg_get_viewdef(c.oid), ';')),
        format('DROP %sVIEW IF EXISTS %I', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, c.relname)
    FROM ours c WHERE c.relkind IN ('v', 'm')
    UNION ALL
    SELECT 9, 'trigger', 'pg_trigger'::regclass, g.oid, format('%s.%s', c.relname, g.tgname), pg_get_triggerdef(g.oid, true),
        CASE WHEN NOT c.relispartition THEN format('DROP TRIGGER IF EXISTS %I ON %I', g.tgname, c.relname) END
    FROM pg_trigger g JOIN ours c ON c.oid = g.tgrelid WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 10, 'policy', 'pg_policy'::regclass, p.oid, format('%s.%s', c.relname, p.polname),
        format('CREATE POLICY %I ON %I AS %s FOR %s TO %s', p.polname, c.relname, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            (SELECT string_agg(CASE r.role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.role)) END, ', ') FROM unnest(p.polroles) r (role)))
            || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
            || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
        format('DROP POLICY IF EXISTS %I ON %I', p.polname, c.relname)
    FROM pg_policy p JOIN ours c ON c.oid = p.polrelid
    UNION ALL
    SELECT 11, 'row security', 0, c.oid, c.relname, format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', c.relname), NULL
    FROM ours c WHERE c.relrowsecurity
    UNION ALL
    SELECT 11, 'row security', 1, c.oid, c.relname, format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', c.relname), NULL
    FROM ours c WHERE c.relforcerowsecurity
    UNION ALL
    SELECT 11, 'trigger state', 3, g.oid, format('%s.%s', c.relname, g.tgname),
        format('ALTER TABLE %I %s TRIGGER %I', c.relname, CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
            ELSE 'ENABLE ALWAYS' END, g.tgname), NULL
    FROM pg_trigger g JOIN ours c ON c.oid = g.tgrelid WHERE NOT g.tgisinternal AND g.tgenabled <> 'O'
    UNION ALL
    SELECT 12, 'sequence owner', 2, s.oid, s.relname, format('ALTER SEQUENCE %I OWNED BY %I.%I', s.relname, c.relname, a.attname), NULL
    FROM ours s JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = s.oid AND o.refclassid = 'pg_class'::regclass AND o.deptype = 'a'
        JOIN pg_class c ON c.oid = o.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.refobjsubid
    WHERE s.relkind = 'S'
)
SELECT rank, kind, class::bigint, object::bigint, name, sql, drop_sql FROM found ORDER BY rank, name, object)";

// What depends on what. Parts that have no definition of their own stand for the whole: defaults for their table, rules
// of views for the view, row types for the table, indexes of constraints for the constraint, constraints of domains for
// the domain. A sequence that a column owns is made before the column.
constexpr std::string_view needs_sql = R"(
WITH alias (class, object, to_class, to_object) AS (
    SELECT 'pg_attrdef'::regclass::oid, oid, 'pg_class'::regclass::oid, adrelid FROM pg_attrdef
    UNION ALL SELECT 'pg_rewrite'::regclass, oid, 'pg_class'::regclass, ev_class FROM pg_rewrite
    UNION ALL SELECT 'pg_type'::regclass, oid, 'pg_class'::regclass, typrelid FROM pg_type WHERE typrelid <> 0
    UNION ALL SELECT 'pg_type'::regclass, a.oid, CASE WHEN t.typrelid <> 0 THEN 'pg_class'::regclass ELSE 'pg_type'::regclass END,
        CASE WHEN t.typrelid <> 0 THEN t.typrelid ELSE t.oid END
        FROM pg_type a JOIN pg_type t ON t.oid = a.typelem AND t.typarray = a.oid
    UNION ALL SELECT 'pg_class'::regclass, conindid, 'pg_constraint'::regclass, oid FROM pg_constraint WHERE contype IN ('p', 'u', 'x')
    UNION ALL SELECT 'pg_constraint'::regclass, oid, 'pg_type'::regclass, contypid FROM pg_constraint WHERE contypid <> 0
)
SELECT DISTINCT coalesce(f.to_class, d.classid)::bigint AS class, coalesce(f.to_object, d.objid)::bigint AS object,
    coalesce(t.to_class, d.refclassid)::bigint AS ref_class, coalesce(t.to_object, d.refobjid)::bigint AS ref_object
FROM pg_depend d
    LEFT JOIN alias f ON f.class = d.classid AND f.object = d.objid
    LEFT JOIN alias t ON t.class = d.refclassid AND t.object = d.refobjid
WHERE d.refobjid >= 16384 AND d.deptype IN ('n', 'a', 'i')
    AND NOT (d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND EXISTS (SELECT FROM pg_sequence s WHERE s.seqrelid = d.objid)))";

constexpr std::int64_t first_setting = 11; // rank, see above

SchemaObject::Key key_of(const Row& row, const char* catalog, const char* object)
{
    return {row[catalog].as_int(), row[object].as_int()};
}

} // namespace

awaitable<std::vector<SchemaObject>> read_schema_objects(Lease& lease, OperationContext context)
{
    const QueryResult rows = co_await lease.execute(std::string(objects_sql), Parameters(), context);
    const QueryResult edges = co_await lease.execute(std::string(needs_sql), Parameters(), context);
    std::multimap<SchemaObject::Key, SchemaObject::Key> needs;
    for (const Row& row : edges)
        needs.emplace(key_of(row, "class", "object"), key_of(row, "ref_class", "ref_object"));
    std::vector<SchemaObject> objects;
    std::vector<SchemaObject> settings;
    for (const Row& row : rows) {
        SchemaObject object;
        object.key = key_of(row, "class", "object");
        object.definition.kind = row["kind"].as_text();
        object.definition.name = row["name"].as_text();
        object.definition.sql = row["sql"].as_text();
        object.drop = row["drop_sql"].as_optional_text().value_or(std::string_view());
        (row["rank"].as_int() < first_setting ? objects : settings).push_back(std::move(object));
    }
    objects = in_order(std::move(objects), needs);
    for (SchemaObject& setting : settings)
        objects.push_back(std::move(setting));
    co_return objects;
}

} // namespace whisperstore::postgresql
