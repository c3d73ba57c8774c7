"""Studies of kind `same_content`: changed pictures beside their siblings."""
