"""What a person looks at: annotated photos and the report page."""
