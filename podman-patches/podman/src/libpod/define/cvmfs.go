package define

// CVMFSInfo describes how the store uses layers of CVMFS repositories
type CVMFSInfo struct {
	// Pull is what a pull does that isn't told: auto, only or off
	Pull string `json:"pull"`
	// RemoteLayers is how many of the store's layers are used where a
	// repository has them, and Layers how many there are
	RemoteLayers int `json:"remoteLayers"`
	Layers       int `json:"layers"`
	// Repositories are those that are configured, in their order
	Repositories []CVMFSRepository `json:"repositories"`
	// Error says what is wrong with the configuration, cvmfs.conf. Pull and
	// Repositories are empty then, and what needs them fails
	Error string `json:"error,omitempty"`
	// Warnings say what in it has no effect
	Warnings []string `json:"warnings,omitempty"`
}

// CVMFSRepository describes a CVMFS repository
type CVMFSRepository struct {
	Path string `json:"path"`
	// Mounted says whether the repository answers and has layers
	Mounted bool `json:"mounted"`
	// Name, Revision and RootHash are what the CVMFS client shows; empty for
	// a directory tree that is none
	Name     string `json:"name,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
	RootHash string `json:"rootHash,omitempty"`
	// Error says why the repository is not mounted
	Error string `json:"error,omitempty"`
}
