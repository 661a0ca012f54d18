"""Version 2: full text of assets and entries kept by triggers, stored vectors, and what still has to be embedded."""

_BODY = "trim(new.text || ' ' || new.aliases)"

# Porter joins "robots" with "robot"; diacritics are folded so that "perche" finds "perché".
CREATE_TEXT = """CREATE VIRTUAL TABLE record_text USING fts5 (
    ref UNINDEXED, kind, name, body, tokenize = 'porter unicode61 remove_diacritics 2'
)"""
# A word of the name says more about a record than a word of its text.
RANK_TEXT = "INSERT INTO record_text (record_text, rank) VALUES ('rank', 'bm25(0.0, 1.0, 4.0, 1.0)')"
FILL_TEXT = """INSERT INTO record_text (rowid, ref, kind, name, body)
    SELECT rowid * 2, id, kind, name, body FROM assets WHERE hidden = 0
    UNION ALL SELECT rowid * 2 + 1, id, kind, name, trim(text || ' ' || aliases) FROM entries"""

STATEMENTS = (
    """CREATE VIEW records AS
        SELECT id, kind, name, body, thread, created_at, rating, 1 AS is_asset FROM assets WHERE hidden = 0
        UNION ALL
        SELECT id, kind, name, text || ' ' || aliases, '', updated_at, NULL, 0 FROM entries""",
    CREATE_TEXT,
    RANK_TEXT,
    "CREATE TABLE pending (number INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE)",
    "CREATE TABLE vectors (ref TEXT PRIMARY KEY, model TEXT NOT NULL, vector BLOB NOT NULL)",
    # Assets take the even row numbers of the text table, entries the odd ones.
    # NOT EXISTS and not OR IGNORE: a trigger takes over the conflict rule of the statement that fired it.
    """CREATE TRIGGER assets_added AFTER INSERT ON assets WHEN new.hidden = 0 BEGIN
        INSERT INTO record_text (rowid, ref, kind, name, body)
            VALUES (new.rowid * 2, new.id, new.kind, new.name, new.body);
        INSERT INTO pending (ref) SELECT new.id WHERE NOT EXISTS (SELECT 1 FROM pending WHERE ref = new.id);
    END""",
    """CREATE TRIGGER assets_changed AFTER UPDATE OF name, body, hidden ON assets
        WHEN old.name <> new.name OR old.body <> new.body OR old.hidden <> new.hidden BEGIN
        DELETE FROM record_text WHERE rowid = old.rowid * 2;
        INSERT INTO record_text (rowid, ref, kind, name, body)
            SELECT new.rowid * 2, new.id, new.kind, new.name, new.body WHERE new.hidden = 0;
        INSERT INTO pending (ref) SELECT new.id WHERE NOT EXISTS (SELECT 1 FROM pending WHERE ref = new.id);
    END""",
    """CREATE TRIGGER assets_removed AFTER DELETE ON assets BEGIN
        DELETE FROM record_text WHERE rowid = old.rowid * 2;
        INSERT INTO pending (ref) SELECT old.id WHERE NOT EXISTS (SELECT 1 FROM pending WHERE ref = old.id);
    END""",
    f"""CREATE TRIGGER entries_added AFTER INSERT ON entries BEGIN
        INSERT INTO record_text (rowid, ref, kind, name, body)
            VALUES (new.rowid * 2 + 1, new.id, new.kind, new.name, {_BODY});
        INSERT INTO pending (ref) SELECT new.id WHERE NOT EXISTS (SELECT 1 FROM pending WHERE ref = new.id);
    END""",
    f"""CREATE TRIGGER entries_changed AFTER UPDATE OF name, text, aliases ON entries
        WHEN old.name <> new.name OR old.text <> new.text OR old.aliases <> new.aliases BEGIN
        DELETE FROM record_text WHERE rowid = old.rowid * 2 + 1;
        INSERT INTO record_text (rowid, ref, kind, name, body)
            VALUES (new.rowid * 2 + 1, new.id, new.kind, new.name, {_BODY});
        INSERT INTO pending (ref) SELECT new.id WHERE NOT EXISTS (SELECT 1 FROM pending WHERE ref = new.id);
    END""",
    """CREATE TRIGGER entries_removed AFTER DELETE ON entries BEGIN
        DELETE FROM record_text WHERE rowid = old.rowid * 2 + 1;
        INSERT INTO pending (ref) SELECT old.id WHERE NOT EXISTS (SELECT 1 FROM pending WHERE ref = old.id);
    END""",
    FILL_TEXT,
    "INSERT INTO pending (ref) SELECT id FROM records",
)
_TRIGGERS = tuple(f"{table}_{when}" for table in ("assets", "entries") for when in ("added", "changed", "removed"))
AGAIN = (
    *(f"DROP TRIGGER IF EXISTS {name}" for name in _TRIGGERS),
    "DROP TABLE record_text",
    "DROP TABLE pending",
    *(text for text in STATEMENTS if not text.startswith(("CREATE VIEW records", "CREATE TABLE vectors"))),
)
"""For files that have the first form of this version, in which an entry could not be changed twice."""
