-- The longest pause that a feed makes (nights, weekends): silence is judged against it.
ALTER TABLE core.feed_memory ADD COLUMN pause_s DOUBLE;
COMMENT ON COLUMN core.feed_memory.pause_s IS 'Longest recent time between two items in seconds; halves in two weeks.';
