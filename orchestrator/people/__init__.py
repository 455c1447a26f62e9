"""Changes of who is who: names, rejections, links, forgetting."""
