"""What is on disk: schemas, provenance and the store. The only importer of h5py."""
