package app

// Origin is where a spec is from.
type Origin struct {
	File string `json:"file"` // the config file, absolute; "-" for standard input
	// Env are the names of the variables that the file sets, in its order. The others are those of whoever started the app.
	Env []string `json:"env,omitempty"`
}
