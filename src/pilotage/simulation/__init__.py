"""Simulated traffic before the very judge: how often would it be wrong, and how soon would it be right?"""
