package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"doksportal/internal/config"
)

// environ is the environment that the portal reads cfg from.
func environ(cfg config.Config) []string {
	list := os.Environ()
	v := reflect.ValueOf(cfg)
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("env"), ",")
		list = append(list, name+"="+text(v.Field(i).Interface(), tag.Get("envSeparator")))
	}
	return list
}

func text(value any, separator string) string {
	if separator == "" {
		separator = ","
	}
	switch value := value.(type) {
	case config.Secret:
		return value.Reveal()
	case []string:
		return strings.Join(value, separator)
	default:
		return fmt.Sprint(value)
	}
}
