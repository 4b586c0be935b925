"""The tables of pipeline.sh, from its lines of JSON: pipeline.py RESULTS."""
import json
import statistics
import sys

lines = [json.loads(line) for line in open(sys.argv[1])]
by_label = {}
for line in lines:
    by_label.setdefault(line["label"], []).append(line)


def median(label, key):
    return statistics.median(line[key] for line in by_label[label])


def spread(label, key):
    values = [line[key] for line in by_label[label]]
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


zlib, aes = median("limits", "zlib_us_per_record"), median("limits", "aes_256_gcm_us_per_record")
print(f"medians of {len(by_label['limits'])}, least and most in brackets; 256 B a record\n")
print("| until acknowledged | CPU µs a record | records/s | answer p50 µs | p99 µs |\n|---|---|---|---|---|")
rows = {"sekisho 100": "sekisho, 100 a request, durable and sealed", "sekisho 500": "sekisho, 500 a request, durable and sealed",
        "moto 100": "moto's server, 100 a request, in memory, into GZIP at once",
        "rsyslog": "rsyslog, lines over TCP into a gzip file, nothing synced or acknowledged"}
for label, name in rows.items():
    if label in by_label:
        times = [f"{median(label, key):,.0f}" if key in by_label[label][0] else "–" for key in ("answer_p50_us", "answer_p99_us")]
        print(f"| {name} | {spread(label, 'cpu_us_per_record')} | {median(label, 'records_per_s'):,.0f} | {times[0]} | {times[1]} |")
print("\n| acknowledged records into objects | CPU µs a record | MiB/s of one processor | of zlib alone |\n|---|---|---|---|")
for label, name in {"deliver hundred": "GZIP, put by 100", "deliver five-hundred": "GZIP, put by 500", "deliver parquet": "Parquet"}.items():
    if label in by_label:
        cpu = median(label, "cpu_us_per_record")
        print(f"| {name} | {spread(label, 'cpu_us_per_record')} | {median(label, 'mib_per_cpu_s'):.0f} | {zlib / cpu:.0%} |")
print(f"| zlib alone, same level and crate, {median('limits', 'zlib_ratio'):.1f} : 1 | {zlib:.2f} | {median('limits', 'zlib_mib_per_s'):.0f} | |")
print(f"| AES-256-GCM alone | {aes:.3f} | {median('limits', 'aes_256_gcm_mib_per_s'):,.0f} | |")
whole = median("sekisho 100", "cpu_us_per_record") + median("deliver hundred", "cpu_us_per_record")
print(f"\nrequest to sealed GZIP object, 100 a request: {whole:.2f} µs a record; moto's server takes "
      f"{median('moto 100', 'cpu_us_per_record') / whole:.1f} times that"
      + (f", rsyslog {median('rsyslog', 'cpu_us_per_record') / whole:.2f} times" if "rsyslog" in by_label else ""))
for label in by_label:
    if label.startswith("verify"):
        for line in by_label[label]:
            print(f"{label.removeprefix('verify ')}: all {line['records']:,} acknowledged records are in {line['objects']:,} objects, once each")
