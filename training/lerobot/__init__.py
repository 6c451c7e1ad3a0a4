"""LeRobotDataset v3.0, written and read with pyarrow and PyAV alone.

`export.write_lerobot` exports recorded episodes of any environment, `reader.load_lerobot` reads a
data set back as episodes, and `check.check_lerobot` holds one to the format, file by file and
column by column.
`docs/data.md` says what becomes of a turn. These modules need the extra `parquet`.
"""
