package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"
)

// bond holds together what is read of a trail in several queries, which a database
// that somebody has changed may answer differently. For each number it adds what one
// reading has hashed and takes away what another has made the tree of: what is not
// zero in the end was not the same. Both may go on at once.
type bond struct {
	secret [15]byte // drawn for one run; with a number and a hash it fills one block of SHA-256
	sums   []uint64
}

func newBond(size int64) *bond {
	b := &bond{sums: make([]uint64, size)}
	_, _ = rand.Read(b.secret[:]) // never fails
	return b
}

// add takes note of the hash of an event. It reports false for a number that the
// trail does not have.
func (b *bond) add(number int64, hash tlog.Hash) bool {
	if number < 0 || number >= int64(len(b.sums)) {
		return false
	}
	atomic.AddUint64(&b.sums[number], b.mac(number, hash))
	return true
}

// take is add for a leaf that the tree was made of.
func (b *bond) take(number int64, hash tlog.Hash) bool {
	if number < 0 || number >= int64(len(b.sums)) {
		return false
	}
	atomic.AddUint64(&b.sums[number], -b.mac(number, hash))
	return true
}

// mac is what nobody can know who does not know the secret, so that no sum of others
// is like it.
func (b *bond) mac(number int64, hash tlog.Hash) uint64 {
	var block [15 + 8 + tlog.HashSize]byte
	copy(block[:], b.secret[:])
	binary.BigEndian.PutUint64(block[15:], uint64(number)) //nolint:gosec // never negative
	copy(block[15+8:], hash[:])
	sum := sha256.Sum256(block[:])
	return binary.BigEndian.Uint64(sum[:])
}

// checkBond looks for events of which the tree has another leaf than was shown, or
// which were not shown, or twice.
func (v *verifier) checkBond() {
	for number, sum := range v.bond.sums {
		switch {
		case sum == 0:
		case v.recorded[number] <= 0:
			v.fault(int64(number), fmt.Sprintf("event %d", number), "It was removed: the tree has its hash, but the database does not show the event. It answers one query otherwise than another.")
		default:
			v.fault(int64(number), fmt.Sprintf("event %d", number), "It was changed: the tree has another hash than that of what is shown. The database answers one query otherwise than another.")
		}
	}
	for number := range v.own {
		v.fault(number, fmt.Sprintf("event %d", number), "It says something of the trail itself, and is not shown among the events: the database answers one query otherwise than another.")
	}
}
