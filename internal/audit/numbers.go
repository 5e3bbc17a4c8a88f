package audit

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
)

// blockBits is how many numbers a block of a numberSet has.
const blockBits = 4096

// numberSet is a set of numbers of events, in a bit for each number of the trail
// around them: millions take about as many bits.
type numberSet map[int64]*[blockBits / 64]uint64

// add adds a number, which is not negative.
func (s numberSet) add(n int64) {
	block := s[n/blockBits]
	if block == nil {
		block = new([blockBits / 64]uint64)
		s[n/blockBits] = block
	}
	block[n%blockBits/64] |= 1 << (n % 64)
}

// count is how many numbers there are below a bound.
func (s numberSet) count(below int64) (count int64) {
	for index, block := range s {
		for i, word := range block {
			first := index*blockBits + int64(i)*64
			switch {
			case first >= below:
				word = 0
			case below-first < 64:
				word &= 1<<(below-first) - 1
			}
			count += int64(bits.OnesCount64(word))
		}
	}
	return count
}

// below returns the numbers below a bound in their order, so many at once.
func (s numberSet) below(bound int64, most int) iter.Seq[[]int64] {
	return func(yield func([]int64) bool) {
		part := make([]int64, 0, most)
		for _, index := range slices.Sorted(maps.Keys(s)) {
			for i, word := range s[index] {
				for ; word != 0; word &= word - 1 {
					n := index*blockBits + int64(i)*64 + int64(bits.TrailingZeros64(word))
					if n >= bound {
						break
					}
					if part = append(part, n); len(part) == most {
						if !yield(part) {
							return
						}
						part = part[:0]
					}
				}
			}
		}
		if len(part) > 0 {
			yield(part)
		}
	}
}
