"""The data side: fetches, decodes, detects, embeds, matches, clusters, publishes."""
