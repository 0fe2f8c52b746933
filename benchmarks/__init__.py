"""What the library costs, beside what its work costs without it. See README.md."""
