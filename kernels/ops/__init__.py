"""Operations on tiles and panels that families share."""
