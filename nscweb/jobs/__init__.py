"""Work that outlives a page: the queue, the worker process, its supervisor."""
