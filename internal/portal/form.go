package portal

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Form is what a person typed into a form, by the names of its fields. Only
// the fields that an operation knows are read.
type Form url.Values

// Get returns what was typed into a field, without the space around it.
func (f Form) Get(name string) string { return strings.TrimSpace(url.Values(f).Get(name)) }

// Typed returns what was typed into a field, to the letter.
func (f Form) Typed(name string) string { return url.Values(f).Get(name) }

// All returns everything that was chosen for a field.
func (f Form) All(name string) []string { return f[name] }

// Has reports whether the form has the field.
func (f Form) Has(name string) bool { return url.Values(f).Has(name) }

// On reports whether a box was ticked.
func (f Form) On(name string) bool { return f.Get(name) == "true" }

// Set replaces what was typed into a field.
func (f Form) Set(name, value string) { url.Values(f).Set(name, value) }

// Tick ticks a box, or not.
func (f Form) Tick(name string, on bool) {
	if on {
		f.Set(name, "true")
	}
}

// Fields returns what was typed into a field that takes several words,
// separated by space or commas.
func (f Form) Fields(name string) []string {
	return strings.FieldsFunc(f.Get(name), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// Hash tells apart what was typed into a form, whatever it was opened with.
func (f Form) Hash() string {
	typed := url.Values{}
	for name, values := range f {
		if !slices.Contains([]string{"submit_key", "seen", "action", "revision", "zone", "quota_of"}, name) {
			typed[name] = values
		}
	}
	sum := sha256.Sum256([]byte(typed.Encode()))
	return hex.EncodeToString(sum[:])
}

// MaxForm is how much a form of a request may be, in bytes. What is typed is kept
// several times over, for good, and read by everybody who sees the request.
const MaxForm = 32 << 10

// Size is how much was typed, with the names of the fields, in bytes.
func (f Form) Size() int {
	size := 0
	for name := range f {
		size += f.sizeOf(name)
	}
	return size
}

// Largest is the field into which most was typed.
func (f Form) Largest() string {
	return slices.MaxFunc(slices.Sorted(maps.Keys(f)), func(a, b string) int { return cmp.Compare(f.sizeOf(a), f.sizeOf(b)) })
}

// CheckSize says that a form is larger than MaxForm, at the field that takes most of
// it; nil when it is not.
func (f Form) CheckSize() FieldErrors {
	size := f.Size()
	if size <= MaxForm {
		return nil
	}
	var faults FieldErrors
	faults.Add(f.Largest(), "What you typed has %d KiB in all, most of it here; a request may have %d.", (size+1023)>>10, MaxForm>>10)
	return faults
}

func (f Form) sizeOf(name string) int {
	size := 0
	for _, v := range f[name] {
		size += len(name) + len(v)
	}
	return size
}

// MaxPools is how many pools a new cluster may be asked for with.
const MaxPools = 20

// Pools is how many pools a form for a new cluster has, with fields named
// pools[0].name and so on. It counts to one more than there may be.
func (f Form) Pools() int {
	for i := range MaxPools + 1 {
		pool := fmt.Sprintf("pools[%d].", i)
		if !f.Has(pool+"name") && !f.Has(pool+"size") && !f.Has(pool+"count") {
			return i
		}
	}
	return MaxPools + 1
}
