"""What others published (published.yaml) and what was measured (results/), installed beside the harness."""
