"""The built-in agent: a model that fills in what a drafted plan leaves open, and says why a rollout did what it did.

It looks at files in a jail and writes nothing. Needs the extra ``agent``; only the modules that say so import it.
"""
