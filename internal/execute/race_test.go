//go:build race

package execute_test

// Each walk takes one step after the other: what the race detector sees of one it
// sees of all, and crowds show it more. `make test` takes them all.
func init() { walks = 8 }
