package portal

// Match gives as many places as possible a candidate of their own who fits, and
// tells which places have one: a maximum matching of a bipartite graph, by
// augmenting paths. Earlier places come first.
func Match(places, candidates int, fits func(place, candidate int) bool) []bool {
	placeOf := make([]int, candidates) // one more than the place that each candidate has; 0: none
	filled := make([]bool, places)
	for place := range filled {
		filled[place] = fill(place, placeOf, make([]bool, candidates), fits)
	}
	return filled
}

// fill finds a candidate for a place, moving others to places that they fit as
// well. tried are the candidates that need not be looked at again.
func fill(place int, placeOf []int, tried []bool, fits func(place, candidate int) bool) bool {
	for c := range placeOf {
		if tried[c] || !fits(place, c) {
			continue
		}
		tried[c] = true
		if placeOf[c] == 0 || fill(placeOf[c]-1, placeOf, tried, fits) {
			placeOf[c] = place + 1
			return true
		}
	}
	return false
}
