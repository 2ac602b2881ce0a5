"""Changes the sources of a process under test as they are loaded: kill points, delays, and one defect by name.

Production code knows nothing of this. `site/` is put before everything else on a process's PYTHONPATH.
"""
