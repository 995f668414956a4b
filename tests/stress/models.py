def figures(short, seed):
    return iter(())
