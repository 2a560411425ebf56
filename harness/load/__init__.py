"""Many streams at once: a generator that runs as a process of its own, and the parent that starts it.

Nothing outside the generator imports locust: importing it replaces the sockets of the whole process.
"""
