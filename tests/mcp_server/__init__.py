"""Pilotage for coding agents: the MCP server, driven by the official client."""
