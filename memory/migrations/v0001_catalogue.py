"""Version 1: assets and their lineage, takes, entries with history, threads, jobs, timings, changes."""

STATEMENTS = (
    """CREATE TABLE assets (
        rowid INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        path TEXT NOT NULL,
        name TEXT NOT NULL,
        name_key TEXT NOT NULL,
        file_key TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        engine TEXT NOT NULL,
        engine_version TEXT NOT NULL,
        tool TEXT NOT NULL,
        params TEXT NOT NULL,
        seed TEXT,
        scores TEXT NOT NULL,
        thread TEXT NOT NULL,
        step_key TEXT NOT NULL,
        summary TEXT NOT NULL,
        body TEXT NOT NULL,
        rating INTEGER,
        created_at REAL NOT NULL,
        hidden INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX assets_newest ON assets (thread, kind, created_at)",
    "CREATE INDEX assets_kind ON assets (kind, created_at)",
    "CREATE INDEX assets_time ON assets (created_at)",
    "CREATE INDEX assets_name ON assets (name_key)",
    "CREATE INDEX assets_file ON assets (file_key)",
    "CREATE INDEX assets_path ON assets (path)",
    """CREATE TABLE lineage (
        child TEXT NOT NULL,
        parent TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (child, parent)
    ) WITHOUT ROWID""",
    "CREATE INDEX lineage_parent ON lineage (parent)",
    """CREATE TABLE takes (
        film TEXT NOT NULL,
        shot TEXT NOT NULL,
        number INTEGER NOT NULL,
        asset_id TEXT NOT NULL,
        score REAL,
        kept INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        PRIMARY KEY (film, shot, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE entries (
        rowid INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        name_key TEXT NOT NULL,
        text TEXT NOT NULL,
        data TEXT NOT NULL,
        aliases TEXT NOT NULL,
        source TEXT NOT NULL,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        UNIQUE (kind, name_key)
    )""",
    """CREATE TABLE entry_history (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        entry_id TEXT NOT NULL,
        snapshot TEXT,
        replaced_at REAL NOT NULL
    )""",
    "CREATE INDEX entry_history_entry ON entry_history (entry_id, id)",
    """CREATE TABLE threads (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    )""",
    """CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        thread TEXT NOT NULL,
        tool TEXT NOT NULL,
        args TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at REAL NOT NULL,
        finished_at REAL
    )""",
    "CREATE INDEX jobs_open ON jobs (status, thread)",
    """CREATE TABLE job_steps (
        job_id TEXT NOT NULL,
        key TEXT NOT NULL,
        asset_ids TEXT NOT NULL,
        seconds REAL NOT NULL,
        data TEXT NOT NULL,
        done_at REAL NOT NULL,
        PRIMARY KEY (job_id, key)
    ) WITHOUT ROWID""",
    """CREATE TABLE timings (
        id INTEGER PRIMARY KEY,
        tool TEXT NOT NULL,
        engine TEXT NOT NULL,
        size_key TEXT NOT NULL,
        seconds REAL NOT NULL,
        peak_mib REAL,
        at REAL NOT NULL
    )""",
    "CREATE INDEX timings_call ON timings (tool, engine, size_key, id)",
    """CREATE TABLE changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        thread TEXT NOT NULL,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL,
        created_at REAL NOT NULL,
        undone_at REAL
    )""",
    "CREATE INDEX changes_thread ON changes (thread, undone_at, id)",
)
