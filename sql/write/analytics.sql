-- name: insert_analytics_events :exec
-- Events without a person: the visitor is known within one day, times are rounded, data says which asset at most.
-- $1 visitor, $2 types, $3 data as JSON texts
INSERT INTO account.analytics_events (time, event_type, visitor, event_data)
SELECT date_trunc('minute', now()), e.event_type, $1::bytea, e.event_data::jsonb
FROM unnest($2::text[], $3::text[]) AS e (event_type, event_data);

-- name: insert_user_analytics :exec
-- The same events as the user may see, export and erase them.
-- $1 user, $2 session, $3 types, $4 data as JSON texts
INSERT INTO account.user_analytics (user_id, event_type, event_data, session_id)
SELECT $1::uuid, e.event_type, e.event_data::jsonb, $2::uuid
FROM unnest($3::text[], $4::text[]) AS e (event_type, event_data);

-- name: list_own_activity :many
-- What a user did in the application, newest first.
-- $1 rows at most, $2 and $3 time and id of the row before, $4 user, $5 type, null: any
SELECT n.id, n.event_type, n.event_data::text AS event_data, n.session_id, n.timestamp
FROM account.user_analytics AS n
WHERE n.user_id = $4::uuid AND ($5::text IS NULL OR n.event_type = $5::text)
  AND ($2::timestamptz IS NULL OR (n.timestamp, n.id) < ($2::timestamptz, $3::uuid))
ORDER BY n.timestamp DESC, n.id DESC
LIMIT $1::integer;

-- name: count_events :many
-- Events by type and hour or day (UTC), of the types that are most frequent in the range.
-- $1 first and $2 last day, $3 hour or day, $4 type, null: all, $5 types at most
WITH frequent AS (
    SELECT e.event_type
    FROM account.analytics_events AS e
    WHERE e.time >= $1::date::timestamp AT TIME ZONE 'UTC' AND e.time < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
      AND ($4::text IS NULL OR e.event_type = $4::text)
    GROUP BY e.event_type ORDER BY count(*) DESC, e.event_type LIMIT $5::integer
)
SELECT date_trunc($3::text, e.time, 'UTC') AS begins_at, e.event_type, count(*) AS events
FROM account.analytics_events AS e
JOIN frequent AS f ON f.event_type = e.event_type
WHERE e.time >= $1::date::timestamp AT TIME ZONE 'UTC' AND e.time < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: count_visitors :many
-- How many different visitors and events each day had (UTC).
-- $1 first and $2 last day
SELECT (e.time AT TIME ZONE 'UTC')::date AS day, count(DISTINCT e.visitor) AS visitors, count(*) AS events
FROM account.analytics_events AS e
WHERE e.time >= $1::date::timestamp AT TIME ZONE 'UTC' AND e.time < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY 1
ORDER BY 1;

-- name: list_asset_performance :many
-- Active assets as the last summary found them, those with most invested first.
-- $1 rows at most, $2 and $3 amount and id of the row before, $4 category, null: any
SELECT s.id, s.title, s.category, s.total_invested, s.investor_count, s.funding_percentage, s.total_investments,
       s.avg_investment_size
FROM account.asset_performance AS s
WHERE ($4::text IS NULL OR s.category = $4::text)
  AND ($2::numeric IS NULL OR (s.total_invested, s.id) < ($2::numeric, $3::uuid))
ORDER BY s.total_invested DESC, s.id DESC
LIMIT $1::integer;

-- name: count_growth :many
-- Users who joined by day (UTC) and present tier; no rows without analytics.read.
-- $1 first and $2 last day
SELECT g.day, g.tier, g.joined FROM account.user_growth($1::date, $2::date) AS g;
