"""The face for coding agents: the Model Context Protocol (MCP), over stdio and at /mcp.

A client of the HTTP API like any other: it acts with an agent's token, so that every right, limit and entry of the
audit log is the API's own. Nothing here can approve, shorten or override. Needs the extra `mcp`.
"""
