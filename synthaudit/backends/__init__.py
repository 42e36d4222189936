"""The parts of an audit that a Ray cluster can do: embedding, and search among very many."""
