"""The one home of shaped rewards: named terms, and how a configuration puts them together."""
