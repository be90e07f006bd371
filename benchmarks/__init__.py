"""Speed, measured against peers: ``python -m benchmarks`` prints one table, ``--json`` keeps it."""
