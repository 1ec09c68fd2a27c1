"""Tables of the catalogue. Ids are numbers here and get their letter outside: study 12 is ``s000012``."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

SCHEMA_VERSION = 1
metadata = MetaData()

about = Table("about", metadata, Column("key", String(40), primary_key=True), Column("value", Text, nullable=False))

studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(300), nullable=False, unique=True),
    Column("created_utc", String(32), nullable=False),
    Column("state", String(20), nullable=False),  # importing, ready
    Column("import_key", String(100), nullable=False, default=""),
    Column("channel", String(100), nullable=False, default=""),
    Column("channels", Text, nullable=False, default="[]"),
    Column("simulated", Boolean, nullable=False, default=False),
    Column("pixel_size_um", Float),
    Column("info", Text, nullable=False, default="{}"),
    sqlite_autoincrement=True,  # ids of deleted studies are never given again
)

samples = Table(
    "samples",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("study", ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("key", String(20), nullable=False),
    Column("name", Text, nullable=False),
    Column("group", Text, nullable=False, default=""),
    Column("time_h", Float),
    Column("replicate", Text, nullable=False, default=""),
    Column("donor", Text, nullable=False, default=""),
    Column("instrument", Text, nullable=False, default=""),
    Column("control", Boolean, nullable=False, default=False),
    Column("true_class", Text, nullable=False, default=""),
    Column("cells", Integer, nullable=False, default=0),
    Column("extra", Text, nullable=False, default="[]"),
    Index("one_name_per_study", "study", "name", unique=True),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("study", Integer, nullable=False, index=True),
    Column("state", String(20), nullable=False),  # started, done
    Column("model", String(100), nullable=False),
    Column("created_utc", String(32), nullable=False),
    Column("cells", Integer, nullable=False, default=0),
    Column("class_names", Text, nullable=False, default="[]"),
    Column("provenance", Text, nullable=False, default="{}"),
    Column("extra", Text, nullable=False, default="{}"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(40), nullable=False),
    Column("key", String(200), nullable=False),
    Column("active_key", String(200), unique=True),  # key while queued or running, else NULL: one job per key
    Column("payload", Text, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("created_utc", String(32), nullable=False),
    Column("worker", String(100), nullable=False, default=""),
    Column("beat", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("cancel", Boolean, nullable=False, default=False),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False, default=0),
    Column("rate", Float),
    Column("seconds_left", Float),
    Column("step", Text, nullable=False, default=""),
    Column("message", Text, nullable=False, default=""),
    Column("result", Text, nullable=False, default="{}"),
    sqlite_autoincrement=True,
)
