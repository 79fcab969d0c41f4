"""Two nodes of the distributed edition under load, while engines and nodes fail: `python -m tests.chaos.run --seconds 120 --seed N`."""
