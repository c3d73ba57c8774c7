"""Images in, rankings out: pure PyTorch, without Django and without Celery."""

from inference import allocator

# Before torch is imported anywhere below this package: see allocator.py for what it saves.
allocator.keep_memory()
