package daemon

func ownCPU() float64 { return 0 }
