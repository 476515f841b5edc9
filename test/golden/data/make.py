# Makes the parquet files of this folder: pip install pyarrow; python3 make.py
import pyarrow as pa
import pyarrow.parquet as pq

texts = [f"Row {i}: the quick brown fox number {i * i} jumps.\nΣ ü 漢字 {'.' * (i % 7)}" for i in range(40)]
rows = {"id": list(range(40)), "text": texts}
pq.write_table(pa.table(rows), "text-snappy.parquet", compression="snappy", row_group_size=16)
pq.write_table(pa.table(rows), "text-zstd.parquet", compression="zstd", row_group_size=16, use_dictionary=False)
pq.write_table(pa.table(rows), "text-plain.parquet", compression="none")
pq.write_table(pa.table({"content": texts[:8]}), "content-gzip.parquet", compression="gzip")
pq.write_table(pa.table({"id": [1, 2], "question": ["a?", "b?"], "score": [0.5, 1.5]}), "no-text.parquet")
part = pa.struct([
    ("text", pa.string()),
    ("inlineData", pa.struct([("mimeType", pa.string()), ("data", pa.string())])),
])
parts = [
    [{"text": "A picture of "}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}, {"text": "a cat."}],
    [{"text": "Only words here."}],
    [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}],
]
pq.write_table(pa.table({"parts": pa.array(parts, pa.list_(part))}), "parts.parquet", compression="zstd")
