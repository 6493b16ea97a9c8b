"""All benchmarks, one after the other; the tables are those of README."""

from tests.benchmarks import importing, lists, scaling, shares, startup

print("## The hot routes beside the limit")
shares.main()
print("\n## Start and memory")
startup.main()
print("\n## Several processes")
scaling.main()
print("\n## Import and export")
importing.main()
print("\n## Lists")
lists.main()
