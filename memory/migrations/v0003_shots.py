"""Version 3: shots of films, with full text, vectors and pending work of their own beside those of the other records.

Their own tables, so that fifty thousand shots neither slow down nor crowd out characters, notes and files.
"""

_BODY = "trim({0}.text || ' ' || {0}.context || ' ' || {0}.terms)"
_NEW, _ROW = _BODY.format("new"), _BODY.format("s")

CREATE_SHOT_TEXT = """CREATE VIRTUAL TABLE shot_text USING fts5 (
    ref UNINDEXED, name, body, tokenize = 'porter unicode61 remove_diacritics 2'
)"""
FILL_SHOT_TEXT = f"""INSERT INTO shot_text (rowid, ref, name, body)
    SELECT s.rowid, s.id, a.name, {_ROW} FROM shots s JOIN assets a ON a.id = s.film WHERE a.hidden = 0"""
# NOT EXISTS and not OR IGNORE: a trigger takes over the conflict rule of the statement that fired it.
_PENDING = """INSERT INTO shot_pending (ref)
    SELECT {0}.id WHERE NOT EXISTS (SELECT 1 FROM shot_pending WHERE ref = {0}.id);"""
_TEXT_OF_NEW = f"""INSERT INTO shot_text (rowid, ref, name, body)
    SELECT new.rowid, new.id, a.name, {_NEW} FROM assets a WHERE a.id = new.film AND a.hidden = 0;"""

STATEMENTS = (
    """CREATE TABLE shots (
        rowid INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        film TEXT NOT NULL,
        number INTEGER NOT NULL,
        start REAL NOT NULL,
        "end" REAL NOT NULL,
        text TEXT NOT NULL,
        text_by TEXT NOT NULL,
        context TEXT NOT NULL,
        terms TEXT NOT NULL,
        data TEXT NOT NULL,
        thumbnail TEXT NOT NULL,
        keyframe REAL NOT NULL,
        UNIQUE (film, number)
    )""",
    # CROSS JOIN: else SQLite, knowing nothing of the sizes, may look through all assets for one that has a shot.
    """CREATE VIEW shot_records AS
        SELECT s.id, 'shot' AS kind, a.name, s.text || ' ' || s.context AS body, a.thread, a.created_at,
            NULL AS rating, 1 AS is_asset, a.sha256, s.start
        FROM shots s CROSS JOIN assets a ON a.id = s.film WHERE a.hidden = 0""",
    CREATE_SHOT_TEXT,
    "CREATE TABLE shot_pending (number INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE)",
    "CREATE TABLE shot_vectors (ref TEXT PRIMARY KEY, model TEXT NOT NULL, vector BLOB NOT NULL)",
    # Vectors are long: counting those of a model must not read them all.
    "CREATE INDEX shot_vectors_model ON shot_vectors (model, ref)",
    f"CREATE TRIGGER shots_added AFTER INSERT ON shots BEGIN {_TEXT_OF_NEW} {_PENDING.format('new')} END",
    f"""CREATE TRIGGER shots_changed AFTER UPDATE OF text, context, terms ON shots
        WHEN old.text <> new.text OR old.context <> new.context OR old.terms <> new.terms BEGIN
        DELETE FROM shot_text WHERE rowid = old.rowid;
        {_TEXT_OF_NEW}
        {_PENDING.format("new")}
    END""",
    f"""CREATE TRIGGER shots_removed AFTER DELETE ON shots BEGIN
        DELETE FROM shot_text WHERE rowid = old.rowid;
        {_PENDING.format("old")}
    END""",
    f"""CREATE TRIGGER films_changed AFTER UPDATE OF name, hidden ON assets
        WHEN (old.name <> new.name OR old.hidden <> new.hidden)
        AND EXISTS (SELECT 1 FROM shots WHERE film = new.id) BEGIN
        DELETE FROM shot_text WHERE rowid IN (SELECT rowid FROM shots WHERE film = new.id);
        INSERT INTO shot_text (rowid, ref, name, body)
            SELECT s.rowid, s.id, new.name, {_ROW} FROM shots s WHERE s.film = new.id AND new.hidden = 0;
        INSERT INTO shot_pending (ref) SELECT s.id FROM shots s WHERE s.film = new.id AND old.hidden <> new.hidden
            AND NOT EXISTS (SELECT 1 FROM shot_pending p WHERE p.ref = s.id);
    END""",
    "CREATE TRIGGER films_removed AFTER DELETE ON assets BEGIN DELETE FROM shots WHERE film = old.id; END",
)
