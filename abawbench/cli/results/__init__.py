"""Commands that read what runs left: compare, rank, show, keep. Nothing here trains or predicts."""
