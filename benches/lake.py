"""One million records in three shapes, read over the S3 API by one process. Used by lake.sh.

    lake.py read single|gzip|parquet READER     list, count and aggregate; prints a JSON line
    lake.py report RESULTS PICTURE              the table, and the picture as SVG
"""
import io
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

THREADS = 32
BUCKET = "lake"
SCHEMA = {"seq": "BIGINT", "device": "VARCHAR", "ts": "BIGINT", "temperature": "DOUBLE", "pressure": "DOUBLE",
          "vibration": "DOUBLE", "rpm": "BIGINT", "state": "VARCHAR", "site": "VARCHAR", "firmware": "VARCHAR"}
# Two decimals, so whole hundredths: sums do not depend on the order they are added in.
QUERY = """SELECT device, count(*) AS n, sum(CAST(round(temperature * 100) AS BIGINT)) / count(*) / 100 AS mean,
  max(temperature) AS hottest, max(ts) AS last FROM {} GROUP BY device ORDER BY device"""
ENDPOINT = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")


def duck():
    import duckdb
    from duckdb_extensions import import_extension

    import_extension("httpfs")
    db = duckdb.connect()
    db.execute("LOAD httpfs")
    db.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
      ENDPOINT '{ENDPOINT}', USE_SSL false, URL_STYLE 'path', REGION 'us-east-1')""")
    return db


def arrow():
    from pyarrow import fs

    return fs.S3FileSystem(endpoint_override=ENDPOINT, scheme="http", region="us-east-1",
                           access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"])


def columns():
    return "{" + ", ".join(f"{name}: '{SCHEMA[name]}'" for name in ("device", "ts", "temperature")) + "}"


def read_duckdb(shape):
    """DuckDB and its httpfs do everything."""
    db = duck()
    db.execute(f"SET threads = {THREADS if shape == 'single' else os.cpu_count()}")
    begin = time.perf_counter()
    where = {"single": "single/*.json", "gzip": "gz/**/*.gz", "parquet": "parquet/**/*.parquet"}[shape]
    files = db.execute(f"SELECT count(*) FROM glob('s3://{BUCKET}/{where}')").fetchone()[0]
    listed = time.perf_counter()
    source = {
        "single": f"read_json('s3://{BUCKET}/{where}', format='newline_delimited', columns={columns()})",
        "gzip": f"read_json('s3://{BUCKET}/{where}', format='newline_delimited', compression='gzip', columns={columns()})",
        "parquet": f"read_parquet('s3://{BUCKET}/{where}')",
    }[shape]
    rows = db.execute(QUERY.format(source)).fetchall()
    return files, listed - begin, time.perf_counter() - listed, rows


def read_arrow(shape):
    """pyarrow lists, and it or obstore gets; DuckDB aggregates what is in memory then."""
    import duckdb
    import pyarrow
    from pyarrow import fs, json as arrow_json

    store = arrow()
    prefix = {"single": "single", "gzip": "gz", "parquet": "parquet"}[shape]
    begin = time.perf_counter()
    found = store.get_file_info(fs.FileSelector(f"{BUCKET}/{prefix}", recursive=True))
    found = [info for info in found if info.type == fs.FileType.File]
    listed = time.perf_counter()
    schema = pyarrow.schema([("device", pyarrow.string()), ("ts", pyarrow.int64()), ("temperature", pyarrow.float64())])
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")

    def get(info):
        return store.open_input_file(info.path).read()

    if shape == "parquet":
        from pyarrow import parquet

        pieces = [parquet.read_table(io.BytesIO(get(info)), columns=schema.names) for info in found]
        records = pyarrow.concat_tables(pieces)
    else:
        if shape == "single":
            bodies = get_all([info.path.removeprefix(BUCKET + "/") for info in found])
        else:
            import gzip

            bodies = [gzip.decompress(get(info)) for info in found]
        records = arrow_json.read_json(io.BytesIO(b"".join(bodies)), parse_options=options)
    rows = duckdb.execute(QUERY.format("records")).fetchall()
    return len(found), listed - begin, time.perf_counter() - listed, rows


def get_all(keys):
    """One GET an object, THREADS at a time, by a client in Rust: pyarrow's own asks for the size first, which is two."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint="http://" + ENDPOINT, region="us-east-1", client_options={"allow_http": True},
                    access_key_id=os.environ["AWS_ACCESS_KEY_ID"], secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"])
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda key: bytes(obstore.get(store, key).bytes()), keys, chunksize=64))


def read(shape, reader):
    files, listing, aggregating, rows = {"duckdb": read_duckdb, "arrow": read_arrow}[reader](shape)
    print(json.dumps({"shape": shape, "reader": reader, "objects": files, "list_s": listing, "aggregate_s": aggregating,
                      "total_s": listing + aggregating, "records": sum(row[1] for row in rows), "answer": rows}))


NAMES = {"single": "one object a record", "gzip": "batched JSON, GZIP", "parquet": "batched Parquet"}


def report(results, picture):
    lines = [json.loads(line) for line in open(results)]
    reads, facts = [line for line in lines if "shape" in line], {}
    for line in lines:
        if "fact" in line:
            facts.setdefault(line["fact"], {}).update(line)
    best, readers = {}, {}
    for shape in NAMES:
        answers = [line for line in reads if line["shape"] == shape]
        by_reader = {}
        for line in answers:
            by_reader.setdefault(line["reader"], []).append(line)
        medians = [sorted(some, key=lambda line: line["total_s"])[len(some) // 2] for some in by_reader.values()]
        readers[shape] = ", ".join(f"{line['reader']} {line['total_s']:.3f} s" for line in medians)
        best[shape] = min(medians, key=lambda line: line["total_s"])
    first = best["single"]["answer"]
    assert len(first) > 0 and all(line["answer"] == first for line in reads), "the shapes do not hold the same records"
    records = best["single"]["records"]
    assert all(line["records"] == records for line in reads)
    base = best["parquet"]["total_s"]
    print(f"{records:,} records, {len(first):,} devices; the answers of all reads are equal")
    print("| | written in s | objects | MB stored | list s | aggregate s | both | reader | times Parquet |\n|---|---|---|---|---|---|---|---|---|")
    for shape, name in NAMES.items():
        row, fact = best[shape], facts[shape]
        print(f"| {name} | {fact['write_s']:.1f} | {row['objects']:,} | {fact['bytes'] / 1e6:,.1f} | {row['list_s']:.3f} "
              f"| {row['aggregate_s']:.3f} | {row['total_s']:.3f} | {row['reader']} | {row['total_s'] / base:,.1f} |")
    print("readers, list and aggregate: " + "; ".join(f"{NAMES[shape]}: {text}" for shape, text in readers.items()))
    for shape in facts:
        extra = {key: value for key, value in facts[shape].items() if key not in ("fact", "write_s", "bytes")}
        if extra:
            print(f"{NAMES.get(shape, shape)}: " + ", ".join(f"{key} {value}" for key, value in extra.items()))
    ratio = best["single"]["total_s"] / base
    print(f"one object a record takes {ratio:,.0f} times as long as batched Parquet")
    open(picture, "w").write(draw({NAMES[shape]: best[shape]["total_s"] for shape in NAMES}, records))


def draw(times, records):
    """Three bars on a logarithmic scale, in colours that light and dark pages show."""
    import math

    def label(seconds):
        if seconds < 1:
            return f"{seconds * 1000:.0f} ms"
        return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"

    low = 10 ** math.floor(math.log10(min(times.values()) / 1.5))
    high = 10 ** math.ceil(math.log10(max(times.values())))
    left, width, top, step = 150, 430, 44, 34
    at = lambda value: left + width * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
    bottom = top + step * len(times)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {bottom + 40}" font-family="sans-serif" font-size="13" role="img">',
           f"<title>Time to count and aggregate {records:,} records: " + ", ".join(f"{n} {label(t)}" for n, t in times.items()) + "</title>",
           "<style>text{fill:#1f2328}.grid{stroke:#8886}.bar{fill:#0969da}"
           "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#4493f8}}</style>",
           f'<text x="12" y="22" font-weight="bold">Time to list, count and aggregate {records:,} records over S3</text>']
    tick = low
    while tick <= high * 1.001:
        x = at(tick)
        out.append(f'<line class="grid" x1="{x:.0f}" x2="{x:.0f}" y1="{top - 8}" y2="{bottom}"/>'
                   f'<text x="{x:.0f}" y="{bottom + 16}" text-anchor="middle" font-size="11">{f"{tick:g} s"}</text>')
        tick *= 10
    for row, (name, seconds) in enumerate(times.items()):
        y = top + row * step
        out.append(f'<text x="{left - 10}" y="{y + 15}" text-anchor="end">{name}</text>'
                   f'<rect class="bar" x="{left}" y="{y}" width="{at(seconds) - left:.0f}" height="20" rx="2"/>'
                   f'<text x="{at(seconds) + 6:.0f}" y="{y + 15}">{label(seconds)}</text>')
    out.append(f'<text x="{left}" y="{bottom + 34}" font-size="11">logarithmic scale; one reading process, sekisho and it on two processors</text></svg>')
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["read", shape, reader]:
            read(shape, reader)
        case ["report", results, picture]:
            report(results, picture)
        case _:
            sys.exit(__doc__)
