"""The formats that outlive a process: vocabulary, keys, messages, records, results."""
