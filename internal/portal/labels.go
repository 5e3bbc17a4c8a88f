package portal

// GroupLabels are what admins call groups of the identity provider whose own
// names say nothing, by those names. They are for people to read; nothing is
// decided by them.
type GroupLabels map[string]string

// Of returns what a group is called: its label, or else its own name.
func (l GroupLabels) Of(group string) string {
	if label, ok := l[group]; ok {
		return label
	}
	return group
}

// All returns what groups are called.
func (l GroupLabels) All(groups []string) []string {
	list := make([]string, len(groups))
	for i, g := range groups {
		list[i] = l.Of(g)
	}
	return list
}

// Labels returns the labels of those groups that have one.
func (l GroupLabels) Labels(groups []string) []string {
	var list []string
	for _, g := range groups {
		if label, ok := l[g]; ok {
			list = append(list, label)
		}
	}
	return list
}
