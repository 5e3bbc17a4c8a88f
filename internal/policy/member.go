package policy

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MemberKind is what a member of a variable holds.
type MemberKind string

// The kinds of members, in the words in which people are told of them.
const (
	MemberText   MemberKind = "text"
	MemberNumber MemberKind = "number"
	MemberMoney  MemberKind = "amount in USD"
	MemberList   MemberKind = "list"
	MemberYesNo  MemberKind = "true or false"
)

// Member is what a condition can refer to.
type Member struct {
	Name string // as conditions write it, e.g. "change.nodes"
	Kind MemberKind

	index []int // in Input
}

// Members lists all that conditions can refer to, in the order of Input.
func Members() []Member {
	var list []Member
	for _, variable := range reflect.VisibleFields(reflect.TypeFor[Input]()) {
		for _, f := range reflect.VisibleFields(variable.Type) {
			list = append(list, Member{
				Name: variable.Tag.Get("json") + "." + f.Tag.Get("json"), Kind: memberKind(f.Type),
				index: slices.Concat(variable.Index, f.Index),
			})
		}
	}
	return list
}

func memberKind(t reflect.Type) MemberKind {
	switch t.Kind() {
	case reflect.Int:
		return MemberNumber
	case reflect.Float64:
		return MemberMoney
	case reflect.Bool:
		return MemberYesNo
	case reflect.Slice:
		return MemberList
	}
	return MemberText
}

// Bounds of what is typed for a member.
const (
	maxMemberText   = 200 // characters, of a text and of each part of a list
	maxMemberList   = 50
	maxMemberNumber = 1_000_000
)

// Set gives the member of an input a value as people type it: a list has commas
// between its parts. An empty one leaves the member as it is. The error says what
// to type instead.
func (m Member) Set(in *Input, typed string) error {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return nil
	}
	value := reflect.ValueOf(in).Elem().FieldByIndex(m.index)
	switch m.Kind {
	case MemberNumber:
		number, err := strconv.Atoi(typed)
		if err != nil || number < -maxMemberNumber || number > maxMemberNumber {
			return fmt.Errorf("enter a whole number from %d to %d", -maxMemberNumber, maxMemberNumber)
		}
		value.SetInt(int64(number))
	case MemberMoney:
		amount, err := strconv.ParseFloat(typed, 64)
		if err != nil || !(math.Abs(amount) <= maxMemberNumber) {
			return fmt.Errorf("enter a number from %d to %d", -maxMemberNumber, maxMemberNumber)
		}
		value.SetFloat(amount)
	case MemberYesNo:
		if typed != "true" && typed != "false" {
			return fmt.Errorf("choose true or false")
		}
		value.SetBool(typed == "true")
	case MemberList:
		return setList(value, typed)
	default:
		if utf8.RuneCountInString(typed) > maxMemberText {
			return fmt.Errorf("enter at most %d characters", maxMemberText)
		}
		value.SetString(typed)
	}
	return nil
}

func setList(value reflect.Value, typed string) error {
	parts := strings.Split(typed, ",")
	if len(parts) > maxMemberList {
		return fmt.Errorf("enter at most %d parts", maxMemberList)
	}
	list := []string{}
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if utf8.RuneCountInString(part) > maxMemberText {
			return fmt.Errorf("each part has at most %d characters", maxMemberText)
		}
		if part != "" {
			list = append(list, part)
		}
	}
	value.Set(reflect.ValueOf(list))
	return nil
}

// given are the members that follow from the operation, the environment and the
// team of a request.
var given = []string{"cluster.environment", "change.operation", "change.risk", "team.slug", "team.name", "team.approver_group"}

// FreeMembers lists the members that do not follow from the operation, the
// environment and the team of a request.
func FreeMembers() []Member {
	return slices.DeleteFunc(Members(), func(m Member) bool { return slices.Contains(given, m.Name) })
}
